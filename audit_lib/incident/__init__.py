"""From a window to its timeline, explanations and steps.

Begin with `question`, what is asked, and `investigation`, what was read for it. `window_detections` is what
happened, `timeline` in which order, `explanations` why; `exposure_windows` is what others could use, and
`steps` what to do.
"""
