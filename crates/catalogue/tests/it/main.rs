//! The catalogue from outside: its entries, and what becomes of documents that services publish.

#![cfg(test)]

mod broken_documents;
mod built_in;
mod changes;
mod discovery;
mod openapi;
mod own_documents;
