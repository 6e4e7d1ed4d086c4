"""The lake: the same promises on a folder, in memory, on an S3 API and on a Blob API."""
