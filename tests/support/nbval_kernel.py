"""A pytest plugin for nbval: its kernels talk to it encrypted, as those of the runner do."""

from jupyter_client.manager import KernelManager

KernelManager.transport_encryption.default_value = "required"
