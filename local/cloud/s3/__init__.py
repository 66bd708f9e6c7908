"""What ministack's S3 keeps on disk, made strict: done means on the disk, and an error means that nothing was done.

storage   the functions that write, delete and read an object's files, and what a failed one leaves in memory
check     at start: the files of every object beside each other
"""
