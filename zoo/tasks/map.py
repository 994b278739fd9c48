"""Latent codes of two numbers as a map."""

from zoo.tasks.base import Task

NEIGHBOURS = 12  # of a map's trustworthiness


class Map(Task):
    """Lays examples out so that like ones lie side by side."""

    name, title = "map", "Map"

    def measure(self, model, modality, data_set, split, **options):
        """``trustworthiness``, at most 1: how few of an example's 12 nearest on the map are far from it in pixels.

        It is defined of 25 examples or more.

        References:
            Venna & Kaski 2001, "Neighborhood Preservation in Nonlinear Projection Methods".
        """
        from sklearn.manifold import trustworthiness

        from zoo import data
        from zoo.evaluation import latent_codes

        examples = getattr(data_set, split)
        if len(examples) <= 2 * NEIGHBOURS:
            return {}
        pixels = data.unit(examples).reshape(len(examples), -1)
        return {
            "trustworthiness": float(trustworthiness(pixels, latent_codes(model, examples), n_neighbors=NEIGHBOURS))
        }

    def missing(self, model, modality, data_set, split):
        number = len(getattr(data_set, split))
        return {"trustworthiness": f"needs {2 * NEIGHBOURS + 1} images: the split has {number}"}

    def preview(self, model, modality, data_set, card, path):
        if model.latent_dim != 2:
            super().preview(model, modality, data_set, card, path)
            return
        from zoo import plots
        from zoo.evaluation import latent_codes

        codes = latent_codes(model, data_set.test)
        labels = data_set.names_of("test")
        plots.code_map(codes, path, labels=labels, title=f"{len(codes):,} images of the test split")

    def shown(self, spec):
        return "The test images' codes as points of a map, a colour and a shape for each class"
