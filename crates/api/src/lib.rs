//! The public contract of Pawl in Rust: the messages, clients and servers
//! generated from `proto/pawl/v1`, what they mean in the domain's words
//! ([`convert`]), how they look in JSON ([`json`]), how decisions are told to people
//! ([`sentences`]), and a client that holds a watch across interruptions ([`watch`]).
//!
//! This crate deliberately does not know how an event is decided, where
//! anything is stored, or how a connection is made: whoever dials or listens
//! brings the transport.

pub mod convert;
pub mod json;
pub mod sentences;
pub mod watch;

/// The messages, clients and servers of package `pawl.v1`.
pub mod pb {
    pub use generated::*;

    #[allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        reason = "generated code; its documentation is that of the .proto files"
    )]
    mod generated {
        tonic::include_proto!("pawl.v1");
    }
}

/// The encoded `FileDescriptorSet` of the contract, its imports and comments
/// included, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
