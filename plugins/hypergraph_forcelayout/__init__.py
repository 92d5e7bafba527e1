"""Draws generated networks: the paper's force-directed drawing (Appendix B.1), and one by layers."""
