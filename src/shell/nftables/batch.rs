//! A transaction of nf_tables as bytes (include/uapi/linux/netfilter/nfnetlink.h): netlink messages between a begin and an
//! end, each with a header of the netfilter family and nested attributes. Numbers in attributes are big-endian.

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`.
pub(super) const SUBSYSTEM: u16 = 10;
const NLA_F_NESTED: u16 = 1 << 15;

/// A transaction that is being written.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    first: u32,
    sequence: u32,
    /// Where the last message begins.
    last: usize,
}

impl Batch {
    /// A transaction whose messages are numbered from after `sequence`.
    pub(super) fn new(sequence: u32) -> Self {
        let first = sequence.wrapping_add(1);
        let mut batch = Self { bytes: Vec::new(), first, sequence, last: 0 };
        batch.write(NFNL_MSG_BATCH_BEGIN, 0, 0, SUBSYSTEM, &[]);
        batch
    }

    /// Adds a message of `NFT_MSG_*`.
    pub(super) fn message(&mut self, kind: u16, flags: u16, family: u8, attributes: &Attributes) {
        self.last = self.bytes.len();
        self.write(SUBSYSTEM << 8 | kind, flags, family, 0, &attributes.0);
    }

    fn write(&mut self, kind: u16, flags: u16, family: u8, resource: u16, attributes: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((NLM_F_REQUEST | flags).to_ne_bytes());
        self.bytes.extend(self.sequence.to_ne_bytes());
        self.bytes.extend(0_u32.to_ne_bytes());
        // struct nfgenmsg: family, version 0, resource.
        self.bytes.extend([family, 0]);
        self.bytes.extend(resource.to_be_bytes());
        self.bytes.extend(attributes);
    }

    /// The bytes, and the first and last sequence numbers. The message before the end asks for an acknowledgement.
    pub(super) fn finish(mut self) -> (Vec<u8>, u32, u32) {
        let acknowledged = self.sequence;
        if let Some([low, high]) = self.bytes.get_mut(self.last + 6..self.last + 8) {
            [*low, *high] = (u16::from_ne_bytes([*low, *high]) | NLM_F_ACK).to_ne_bytes();
        }
        self.write(NFNL_MSG_BATCH_END, 0, 0, SUBSYSTEM, &[]);
        (self.bytes, self.first, acknowledged)
    }
}

/// Attributes, one after the other.
#[derive(Debug, Default, Clone)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    /// None yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// With raw bytes. What is longer than an attribute can be is left out; nothing here is.
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        if let Ok(length) = u16::try_from(value.len() + 4) {
            self.0.extend(length.to_ne_bytes());
            self.0.extend(kind.to_ne_bytes());
            self.0.extend(value);
            self.0.resize(self.0.len().next_multiple_of(4), 0);
        }
        self
    }

    /// With a number.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// With text, closed by a zero.
    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// As they go into a message.
    #[cfg(test)]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// With attributes inside.
    pub(super) fn nested(self, kind: u16, inside: &Self) -> Self {
        self.bytes(kind | NLA_F_NESTED, &inside.0)
    }
}
