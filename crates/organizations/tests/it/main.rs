//! Organizations, on both stores.

mod groups;
mod house;
mod invitations;
mod members;
mod organizations;
mod records;
mod set_up;
