"""Git, asked without running anything of the repository's."""
