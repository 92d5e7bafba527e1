"""What a network computes, decoded from its weights and written as a short program."""
