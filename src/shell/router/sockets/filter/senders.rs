//! Adverts of senders that matter, told from others that may be believed too.
//!
//! A packet is such a sender's if it is from its address, of its version and for its virtual router; and in version 2 if
//! type of authentication, interval and password are those that it must have, without which the checks would drop it. So of
//! those who send in another's name only they come in with its adverts whom the checks would believe as well. (An
//! authentication header cannot be looked through here.)

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{BIT, Part};
use crate::model::Family;
use crate::shell::router::program::{
    A_TO_X, AND, IP_HEADER, Instruction, JUMP, KEEP, LOAD_BYTE, LOAD_CONSTANT, LOAD_HALF, LOAD_LENGTH, LOAD_WORD,
    LOAD_WORD_AT_X, RECALL_X, RETURN, SHIFT_RIGHT, SHIFT_RIGHT_X, SUBTRACT, equal, plain,
};
use crate::vrrp::engine::KnownMaster;
use crate::wire::vrrp::{AUTH_HEADER, AUTH_LEN, AUTH_NONE, AUTH_PASS, Auth, Form};

/// Senders that are told from others on one interface, so that a program is short enough for a socket. Those past it are
/// heard like anybody.
const MOST: usize = 8;
/// Stands for the distance to the next sender's instructions, until it is known.
const NEXT: u32 = u32::MAX;
/// Stands for the distance to behind all of them.
const FOUND: u32 = u32::MAX - 1;

/// A sender whose adverts matter, for some virtual routers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shell::router::sockets) struct Sender {
    source: IpAddr,
    form: Form,
    vrids: BTreeSet<u8>,
}

impl Sender {
    /// Adds this one to those of its interface, where there is room.
    pub(in crate::shell::router::sockets) fn add(senders: &mut Vec<Self>, master: &KnownMaster) {
        // Intervals of version 3 are adopted, and no two senders differ by theirs.
        let form = match master.form {
            Form::V2 { .. } => master.form,
            Form::V3 { .. } => Form::V3 { interval_centiseconds: 0 },
        };
        Self { source: master.source, form, vrids: [master.vrid].into() }.join(senders, MOST);
    }

    /// All that either of two lists has.
    pub(in crate::shell::router::sockets) fn either(one: &[Self], other: &[Self]) -> Vec<Self> {
        let mut both = one.to_vec();
        other.iter().for_each(|sender| sender.clone().join(&mut both, usize::MAX));
        both
    }

    fn join(self, senders: &mut Vec<Self>, most: usize) {
        if let Some(same) = senders.iter_mut().find(|one| (one.source, one.form) == (self.source, self.form)) {
            same.vrids.extend(self.vrids);
        } else if senders.len() < most {
            senders.push(self);
        }
    }

    /// Whether adverts from here for this virtual router are one's.
    pub(in crate::shell::router::sockets) fn any(senders: &[Self], source: IpAddr, vrid: u8) -> bool {
        senders.iter().any(|sender| sender.source == source && sender.vrids.contains(&vrid))
    }

    /// Goes on to [`NEXT`] where the packet is another's, and to [`FOUND`] where it is this one's.
    fn tell(&self, family: Family, base: u32) -> Vec<Instruction> {
        let mut program = Vec::new();
        let mut expect = |load: Instruction, value: u32| {
            program.extend([load, equal(value, 1, 0), plain(JUMP, NEXT)]);
        };
        match (family, self.source) {
            (Family::V4, IpAddr::V4(source)) => expect(plain(LOAD_WORD, 12), source.to_bits()),
            (Family::V6, IpAddr::V6(source)) => {
                for (offset, word) in (0..16).step_by(4).zip(words(source.octets())) {
                    expect(plain(LOAD_WORD, IP_HEADER + 8 + offset), word);
                }
            }
            (Family::V4, IpAddr::V6(_)) | (Family::V6, IpAddr::V4(_)) => return Vec::new(),
        }
        match self.form {
            Form::V3 { .. } => expect(plain(LOAD_BYTE, base), 0x31),
            Form::V2 { interval_secs, auth } => {
                let kind = match auth {
                    Auth::None => AUTH_NONE,
                    Auth::Password(_) => AUTH_PASS,
                    Auth::Header => AUTH_HEADER,
                };
                expect(plain(LOAD_BYTE, base), 0x21);
                expect(plain(LOAD_HALF, base + 4), u32::from(kind) << 8 | u32::from(interval_secs));
                if let Auth::Password(password) = auth {
                    let length = u32::try_from(AUTH_LEN).unwrap_or(0);
                    program.extend([plain(LOAD_LENGTH, 0), plain(SUBTRACT, length), plain(A_TO_X, 0)]);
                    for (offset, word) in [0, 4].into_iter().zip(words(*password.bytes())) {
                        program.extend([plain(LOAD_WORD_AT_X, offset), equal(word, 1, 0), plain(JUMP, NEXT)]);
                    }
                }
            }
        }
        let mut bits: BTreeMap<u32, u32> = BTreeMap::new();
        for vrid in &self.vrids {
            *bits.entry(u32::from(vrid >> 5)).or_default() |= 1 << (vrid & 31);
        }
        program.extend([plain(LOAD_BYTE, base + 1), plain(AND, 31), plain(KEEP, BIT)]);
        program.extend([plain(LOAD_BYTE, base + 1), plain(SHIFT_RIGHT, 5)]);
        // To behind the other words, and behind the jump.
        let mut further = 3 * u32::try_from(bits.len()).unwrap_or(0) + 1;
        for (word, bits) in bits {
            further -= 3;
            program.extend([equal(word, 0, 2), plain(LOAD_CONSTANT, bits), plain(JUMP, further)]);
        }
        program.extend([plain(JUMP, NEXT), plain(RECALL_X, BIT), plain(SHIFT_RIGHT_X, 0), plain(AND, 1)]);
        program.extend([equal(1, 1, 0), plain(JUMP, NEXT), plain(JUMP, FOUND)]);
        land(&mut program, NEXT, 0);
        program
    }
}

fn words<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = u32> {
    let mut words = Vec::new();
    for chunk in bytes.chunks_exact(4) {
        words.push(chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)));
    }
    words.into_iter()
}

/// Has these jumps go to behind the program, and so many instructions further.
fn land(program: &mut [Instruction], stand_in: u32, further: usize) {
    let end = program.len() + further;
    for (at, jump) in program.iter_mut().enumerate() {
        if (jump.code, jump.operand) == (JUMP, stand_in) {
            jump.operand = u32::try_from(end - at - 1).unwrap_or(0);
        }
    }
}

/// Instructions that refuse what is another part's, and else go on behind themselves. The packet is known to be as long as
/// an advert is, that many bytes in.
pub(super) fn sort(part: Part, family: Family, base: u32, senders: &[Sender]) -> Vec<Instruction> {
    let refuse = plain(RETURN, 0);
    let mut program: Vec<Instruction> = senders.iter().flat_map(|sender| sender.tell(family, base)).collect();
    match part {
        Part::Masters => {
            land(&mut program, FOUND, 1);
            program.push(refuse);
        }
        Part::Adverts => {
            program.iter_mut().filter(|one| (one.code, one.operand) == (JUMP, FOUND)).for_each(|one| *one = refuse);
        }
        Part::Rest => program.clear(),
    }
    program
}
