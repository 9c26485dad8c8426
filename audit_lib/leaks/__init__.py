"""From a value to every place that holds it, to one leak, to what it means."""
