//! Two processes on one PostgreSQL server.

#![cfg(test)]

mod following;
mod leases;
