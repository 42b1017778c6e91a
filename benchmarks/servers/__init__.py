"""The servers: programs that listen on a port of their own choice and say so in their first line."""
