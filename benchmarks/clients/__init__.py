"""The clients: each a program that asks the same question for some seconds and prints what it counted."""
