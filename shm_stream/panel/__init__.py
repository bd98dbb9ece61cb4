"""The control page: a small web server beside a running job, for one person on the same machine."""
