"""The largest of some numbers: a tournament of pairs in closed form, and a classifier that recognises one."""
