//! Instructions of the kernel's classic packet filter, of which the programs of raw and packet sockets are made.

use socket2::SockFilter;

// include/uapi/linux/bpf_common.h. A is the accumulator, X the index register, M the scratch memory.
pub(in crate::shell) const LOAD_WORD: u16 = 0x20;
pub(in crate::shell) const LOAD_HALF: u16 = 0x28;
pub(in crate::shell) const LOAD_BYTE: u16 = 0x30;
/// A becomes the word that is so far behind X.
pub(super) const LOAD_WORD_AT_X: u16 = 0x40;
/// A becomes the packet's length.
pub(super) const LOAD_LENGTH: u16 = 0x80;
/// A becomes the operand.
pub(super) const LOAD_CONSTANT: u16 = 0x00;
/// X becomes the operand.
pub(super) const LOAD_X_CONSTANT: u16 = 0x01;
/// A becomes what M has there.
pub(super) const RECALL: u16 = 0x60;
/// X becomes what M has there.
pub(super) const RECALL_X: u16 = 0x61;
/// M gets A there.
pub(super) const KEEP: u16 = 0x02;
/// M gets X there.
pub(super) const KEEP_X: u16 = 0x03;
pub(super) const ADD: u16 = 0x04;
pub(super) const ADD_X: u16 = 0x0c;
pub(super) const SUBTRACT: u16 = 0x14;
pub(in crate::shell) const AND: u16 = 0x54;
pub(super) const SHIFT_LEFT: u16 = 0x64;
pub(super) const SHIFT_RIGHT: u16 = 0x74;
pub(super) const SHIFT_RIGHT_X: u16 = 0x7c;
/// Linux 3.7.
pub(super) const REMAINDER: u16 = 0x94;
/// X becomes A.
pub(super) const A_TO_X: u16 = 0x07;
/// A becomes X.
pub(super) const X_TO_A: u16 = 0x87;
pub(super) const JUMP: u16 = 0x05;
pub(super) const EQUAL: u16 = 0x15;
pub(super) const EQUAL_X: u16 = 0x1d;
pub(super) const GREATER: u16 = 0x25;
pub(super) const AT_LEAST: u16 = 0x35;
pub(super) const AT_LEAST_X: u16 = 0x3d;
pub(in crate::shell) const RETURN: u16 = 0x06;
/// `SKF_NET_OFF` of include/uapi/linux/filter.h: from here on offsets are from the IP header.
pub(super) const IP_HEADER: u32 = 0xfff0_0000;
/// Bytes that come through: all.
pub(in crate::shell) const WHOLE: u32 = 0xffff;

/// `struct sock_filter`. Jumps count from the next instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shell) struct Instruction {
    pub(super) code: u16,
    pub(super) if_true: u8,
    pub(super) if_false: u8,
    pub(super) operand: u32,
}

impl From<Instruction> for SockFilter {
    fn from(instruction: Instruction) -> Self {
        Self::new(instruction.code, instruction.if_true, instruction.if_false, instruction.operand)
    }
}

pub(in crate::shell) const fn plain(code: u16, operand: u32) -> Instruction {
    Instruction { code, if_true: 0, if_false: 0, operand }
}

pub(in crate::shell) const fn equal(operand: u32, if_true: u8, if_false: u8) -> Instruction {
    branch(EQUAL, operand, if_true, if_false)
}

pub(super) const fn branch(code: u16, operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, operand }
}

/// Runs a program as the kernel does: what is loaded from beyond the end lets nothing through.
#[cfg(test)]
pub(in crate::shell) fn passes(program: &[Instruction], message: &[u8], ip_header: &[u8]) -> bool {
    let load = |offset: u32, len: usize| -> Option<u32> {
        let (from, at) = match offset.checked_sub(IP_HEADER) {
            Some(at) => (ip_header, at as usize),
            None => (message, offset as usize),
        };
        Some(from.get(at..at + len)?.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
    };
    let (mut at, mut value, mut index, mut memory) = (0, 0_u32, 0_u32, [None; 16]);
    loop {
        let Instruction { code, if_true, if_false, operand } = program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { if_true } else { if_false });
        match code {
            LOAD_WORD | LOAD_HALF | LOAD_BYTE => {
                let len = [4, 2, 1][usize::from(code >> 3 & 3)];
                let Some(loaded) = load(operand, len) else { return false };
                value = loaded;
            }
            LOAD_WORD_AT_X => {
                let Some(loaded) = load(index.wrapping_add(operand), 4) else { return false };
                value = loaded;
            }
            LOAD_LENGTH => value = u32::try_from(message.len()).unwrap(),
            LOAD_CONSTANT => value = operand,
            LOAD_X_CONSTANT => index = operand,
            // The kernel refuses a program that reads what was never written.
            RECALL => value = memory[operand as usize].unwrap(),
            RECALL_X => index = memory[operand as usize].unwrap(),
            KEEP => memory[operand as usize] = Some(value),
            KEEP_X => memory[operand as usize] = Some(index),
            ADD => value = value.wrapping_add(operand),
            ADD_X => value = value.wrapping_add(index),
            SUBTRACT => value = value.wrapping_sub(operand),
            AND => value &= operand,
            SHIFT_LEFT => value <<= operand,
            SHIFT_RIGHT => value >>= operand,
            SHIFT_RIGHT_X => value >>= index,
            REMAINDER => value %= operand,
            A_TO_X => index = value,
            X_TO_A => value = index,
            JUMP => at += operand as usize,
            EQUAL => at += jump(value == operand),
            EQUAL_X => at += jump(value == index),
            GREATER => at += jump(value > operand),
            AT_LEAST => at += jump(value >= operand),
            AT_LEAST_X => at += jump(value >= index),
            RETURN => return operand > 0,
            _ => panic!("an instruction that is not used: {code:#x}"),
        }
    }
}
