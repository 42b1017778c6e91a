"""The servers: each a program that listens on a port of its own choice and says so in its first line of
output."""
