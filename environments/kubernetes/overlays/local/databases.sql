-- Beside the database `dagster`, which the image makes: what the syncs remember.
CREATE DATABASE integrations;
