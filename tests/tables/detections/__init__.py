"""Tests of the detections."""
