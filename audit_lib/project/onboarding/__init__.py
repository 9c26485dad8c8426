"""What a project is, from the names that its files hold: its policy, or a first one."""
