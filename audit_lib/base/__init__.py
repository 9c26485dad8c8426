"""Reading safely and saying so: files, archives, git, time, TOML, errors."""
