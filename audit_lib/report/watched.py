"""Whether a person watches this kernel: only then are widgets and colours of their own worth their bytes."""

from IPython.core.getipython import get_ipython


def is_watched() -> bool:
    """Whether a front end with a person runs the cell: it names the cell, papermill and nbclient do not."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})
