"""Pictures, sounds, texts and files of the user's own: found, opened, read piece by piece, and written.

Nothing here knows of models or of containers, and neither TensorFlow nor Keras is imported.
"""
