"""From a log's bytes to counts, events and minutes.

Begin with `project_logs`, which reads the logs of a project, and `read_file`, which reads one of them by the
reader that suits it: `read_line`, one line at a time, or `kernel`, which is fast and gives the same. Both add
up to `file_counts`, which `frames` turns into frames. `formats` has what lines look like.
"""
