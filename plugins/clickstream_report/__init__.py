"""The pages of one day as one file, which anybody can open, mail and keep: no server, no request, no account."""
