//! Redshift: on PostgreSQL as the closest server there is, and on one that writes down what it is sent.

mod recording_server;
mod statements;
mod unsent;
