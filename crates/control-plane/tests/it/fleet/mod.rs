//! Several processes on one PostgreSQL database, driven from outside over HTTPS: killed, cut off from the database, with
//! clocks that are wrong. The short forms run with the suite; `cargo xtask soak replicas|revocation|failures` makes them long.

mod clocks;
mod cut_off;
mod full_disk;
mod kills;
mod observers;
mod processes;
mod restarts;
mod revocations;
mod visitor;
mod writes;
