"""What ``zoo demo`` runs: bundled samples, measurements on them, and the report."""
