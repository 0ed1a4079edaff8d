//! Programs for the kernel's classic packet filter that tell adverts which may be believed from everything else.
//!
//! They sort, and judge nothing: what either socket hears goes through the same checks in the same order
//! ([`receive`](crate::vrrp::receive)). So a program may take for an advert what is none. It may also miss one that would be
//! believed, as it does with IP options, which no router is known to send; that one comes in on the other socket, and later.
//!
//! To be taken a packet must be for a virtual router that listens there, in its version, as long as its count of addresses
//! says, with a right checksum in any of the conventions there are, and, if multicast, with a time to live of 255. Passwords,
//! hashes, intervals of version 2 and senders are left to the checks.
//!
//! What may be believed is told apart once more, by who sent it and whether it says what it must (`senders`).
//!
//! A program has no loops: it has instructions for each four bytes of a checksum, and a limit, past which an advert is taken
//! with any checksum.

mod senders;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use senders::Sender;

use crate::model::{Family, VrrpVersion};
use crate::shell::router::program::{
    A_TO_X, ADD, ADD_X, AND, AT_LEAST, AT_LEAST_X, EQUAL_X, GREATER, IP_HEADER, Instruction, JUMP, KEEP, KEEP_X,
    LOAD_BYTE, LOAD_CONSTANT, LOAD_HALF, LOAD_LENGTH, LOAD_WORD, LOAD_X_CONSTANT, RECALL, RECALL_X, REMAINDER, RETURN,
    SHIFT_LEFT, SHIFT_RIGHT, SHIFT_RIGHT_X, SUBTRACT, WHOLE, X_TO_A, branch, equal, plain,
};
use crate::wire::ipv4::{PROTOCOL_VRRP, TTL};
use crate::wire::vrrp::GROUP;

/// Four bytes each of an advert that are summed: 94 addresses of IPv4, 23 of IPv6. The kernel makes about 17 instructions of
/// eight bytes of each, and lets a socket have 20,480 bytes (`net.core.optmem_max` before Linux 6.7).
pub(super) const MOST_WORDS: u32 = 96;
/// The same where the kernel refuses that much.
pub(super) const FEWEST_WORDS: u32 = 8;

// Places in the scratch memory.
const BIT: u32 = 0;
const WORDS: u32 = 1;
const SUM: u32 = 2;

/// Which packets a socket takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Those that may be believed, of senders that matter ([`Sender`]).
    Masters,
    /// The others that may be believed.
    Adverts,
    /// All else.
    Rest,
}

struct Builder {
    program: Vec<Instruction>,
    part: Part,
    family: Family,
    /// An authentication header is in front.
    header: bool,
    /// Bytes in front of the advert.
    base: u32,
}

/// The program of a raw socket, for packets from the IPv4 header on, or from behind the IPv6 header on.
pub(super) fn program(
    part: Part,
    family: Family,
    header: bool,
    routers: &BTreeSet<(u8, VrrpVersion)>,
    senders: &[Sender],
    most_words: u32,
) -> Vec<Instruction> {
    let base = match (family, header) {
        (Family::V4, false) => 20,
        (Family::V4, true) => 44,
        (Family::V6, _) => 0,
    };
    if part == Part::Masters && senders.is_empty() {
        return vec![plain(RETURN, 0)];
    }
    let of = |version| routers.iter().filter(|(_, one)| *one == version).map(|(vrid, _)| *vrid).collect();
    let mut builder = Builder { program: Vec::new(), part, family, header, base };
    builder.headers();
    builder.program.extend(senders::sort(part, family, base, senders));
    builder.versions(&of(VrrpVersion::V2), &of(VrrpVersion::V3));
    builder.sum(most_words);
    builder.compare();
    builder.program
}

impl Builder {
    fn add<const N: usize>(&mut self, instructions: [Instruction; N]) {
        self.program.extend(instructions);
    }

    const fn wants_adverts(&self) -> bool {
        match self.part {
            Part::Masters | Part::Adverts => true,
            Part::Rest => false,
        }
    }

    const fn take(&self) -> Instruction {
        plain(RETURN, if self.wants_adverts() { WHOLE } else { 0 })
    }

    const fn leave(&self) -> Instruction {
        plain(RETURN, if self.wants_adverts() { 0 } else { WHOLE })
    }

    /// Everything that is loaded later on is there: a load from beyond the end would have both parts refuse the packet.
    fn headers(&mut self) {
        let leave = self.leave();
        if self.family == Family::V4 {
            self.add([plain(LOAD_BYTE, 0), equal(0x45, 1, 0), leave]);
        }
        self.add([plain(LOAD_LENGTH, 0), branch(AT_LEAST, self.base + 8, 1, 0), leave]);
        if self.header {
            // Next header, and the length of a hash of twelve bytes.
            self.add([plain(LOAD_HALF, 20), equal(u32::from(PROTOCOL_VRRP) << 8 | 4, 1, 0), leave]);
        }
        let (destination, hop_limit) = match self.family {
            Family::V4 => {
                self.add([plain(LOAD_BYTE, 16), plain(AND, 0xf0)]);
                (0xe0, 8)
            }
            Family::V6 => {
                self.add([plain(LOAD_BYTE, IP_HEADER + 24)]);
                (0xff, IP_HEADER + 7)
            }
        };
        self.add([equal(destination, 0, 3), plain(LOAD_BYTE, hop_limit), equal(u32::from(TTL), 1, 0), leave]);
    }

    fn versions(&mut self, second: &BTreeSet<u8>, third: &BTreeSet<u8>) {
        let leave = self.leave();
        let mut of_second = self.of_one_version(second, 8);
        let of_third = self.of_one_version(third, 0);
        let interval = [plain(LOAD_HALF, self.base + 4), plain(AND, 0x0fff), equal(0, 0, 1), leave];
        of_second.push(plain(JUMP, length(&of_third) + length(&interval)));
        self.add([plain(LOAD_BYTE, self.base), equal(0x31, 2, 0), equal(0x21, 2, 0), leave]);
        self.add([plain(JUMP, length(&of_second))]);
        self.program.extend(of_second);
        self.program.extend(of_third);
        self.program.extend(interval);
    }

    /// It is for one of these, and as long as it says; with `more` bytes behind the addresses.
    fn of_one_version(&self, vrids: &BTreeSet<u8>, more: u32) -> Vec<Instruction> {
        let (base, leave) = (self.base, self.leave());
        let mut bits: BTreeMap<u32, u32> = BTreeMap::new();
        for vrid in vrids {
            *bits.entry(u32::from(vrid >> 5)).or_default() |= 1 << (vrid & 31);
        }
        let mut program = vec![plain(LOAD_BYTE, base + 1), plain(AND, 31), plain(KEEP, BIT)];
        program.extend([plain(LOAD_BYTE, base + 1), plain(SHIFT_RIGHT, 5)]);
        // To behind the others, and behind the refusal.
        let mut further = 3 * u32::try_from(bits.len()).unwrap_or(0) + 1;
        for (word, bits) in bits {
            further -= 3;
            program.extend([equal(word, 0, 2), plain(LOAD_CONSTANT, bits), plain(JUMP, further)]);
        }
        program.push(leave);
        program.extend([plain(RECALL_X, BIT), plain(SHIFT_RIGHT_X, 0), plain(AND, 1), equal(1, 1, 0), leave]);
        let shift = match self.family {
            Family::V4 => 2,
            Family::V6 => 4,
        };
        program.extend([plain(LOAD_BYTE, base + 3), plain(SHIFT_LEFT, shift), plain(ADD, base + 8 + more)]);
        program.extend([plain(A_TO_X, 0), plain(LOAD_LENGTH, 0), branch(EQUAL_X, 0, 1, 0), leave]);
        program
    }

    /// Adds to the sum in X, and carries around.
    fn term(&mut self, load: Instruction) {
        self.add([load, plain(ADD_X, 0), branch(AT_LEAST_X, 0, 1, 0), plain(ADD, 1), plain(A_TO_X, 0)]);
    }

    /// Sums the advert in words of four bytes, of which it is known to consist.
    fn sum(&mut self, most_words: u32) {
        let take = self.take();
        self.add([plain(LOAD_LENGTH, 0), plain(SUBTRACT, self.base), plain(SHIFT_RIGHT, 2), plain(KEEP, WORDS)]);
        self.add([branch(GREATER, most_words, 0, 1), take, plain(LOAD_X_CONSTANT, 0)]);
        let mut ends = Vec::new();
        for word in 0..most_words {
            if word >= 2 {
                self.add([plain(RECALL, WORDS), equal(word, 0, 1), plain(JUMP, 0)]);
                ends.push(self.program.len());
            }
            self.term(plain(LOAD_WORD, self.base + 4 * word));
        }
        let end = self.program.len();
        for after in ends {
            if let Some(jump) = self.program.get_mut(after - 1) {
                jump.operand = u32::try_from(end - after).unwrap_or(0);
            }
        }
    }

    /// Takes it if the sum in X is that of a right checksum: all ones, or a multiple of it.
    fn take_if_right(&mut self) {
        let take = self.take();
        self.add([plain(X_TO_A, 0), plain(REMAINDER, 0xffff), equal(0, 0, 1), take]);
    }

    /// Length and protocol of a pseudo header.
    fn length_and_protocol(&mut self) {
        self.add([plain(LOAD_LENGTH, 0), plain(SUBTRACT, self.base), plain(KEEP, WORDS)]);
        self.term(plain(RECALL, WORDS));
        self.term(plain(LOAD_CONSTANT, u32::from(PROTOCOL_VRRP)));
    }

    fn compare(&mut self) {
        self.take_if_right();
        match self.family {
            Family::V4 if self.header => {}
            Family::V4 => {
                self.term(plain(LOAD_WORD, 12));
                self.length_and_protocol();
                self.add([plain(KEEP_X, SUM)]);
                self.term(plain(LOAD_WORD, 16));
                self.take_if_right();
                // As old peers have it in unicast.
                self.add([plain(RECALL_X, SUM)]);
                self.term(plain(LOAD_CONSTANT, GROUP.to_bits()));
                self.take_if_right();
            }
            Family::V6 => {
                for word in 0..8 {
                    self.term(plain(LOAD_WORD, IP_HEADER + 8 + 4 * word));
                }
                self.length_and_protocol();
                self.take_if_right();
            }
        }
        self.add([self.leave()]);
    }
}

fn length(program: &[Instruction]) -> u32 {
    u32::try_from(program.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
