//! The floor: what the kernel itself takes to be given a table, measured by the barest program that can do it.
//!
//! Messages are put together by hand, about 60 kB to a send, and only the last of each send asks for an acknowledgement.
//! It shares no code with `ipvs-sys`, so that neither can flatter the other.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};

/// Bytes to a send; below the 212,992 that a socket may hold by default, the kernel's bookkeeping included.
const SEND_SIZE: usize = 60 * 1024;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLMSG_ERROR: u16 = 0x2;
const GENL_ID_CTRL: u16 = 0x10;
const NLA_F_NESTED: u16 = 0x8000;

/// Address and port of a service, and of each of its servers.
pub type Service = (Ipv4Addr, u16, Vec<(Ipv4Addr, u16)>);

/// Gives the kernel `services` x `servers` entries; returns the time from the first send to the last acknowledgement, the
/// encoding included.
///
/// # Errors
/// Whatever the socket says, or the first error that the kernel reports.
pub fn program(services: &[Service]) -> io::Result<Duration> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let family = family(&socket)?;
    let started = Instant::now();
    let mut buffer = Vec::with_capacity(SEND_SIZE + 1024);
    let mut last = 0;
    for (address, port, servers) in services {
        last = start(&mut buffer, family, 1);
        let nest = open(&mut buffer, 1 | NLA_F_NESTED);
        key(&mut buffer, *address, *port);
        attribute(&mut buffer, 6, b"wlc\0");
        attribute(&mut buffer, 7, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        attribute(&mut buffer, 8, &0_u32.to_ne_bytes());
        attribute(&mut buffer, 9, &u32::MAX.to_ne_bytes());
        close(&mut buffer, nest);
        close(&mut buffer, last);
        for (server, server_port) in servers {
            last = start(&mut buffer, family, 5);
            let nest = open(&mut buffer, 1 | NLA_F_NESTED);
            key(&mut buffer, *address, *port);
            close(&mut buffer, nest);
            let nest = open(&mut buffer, 2 | NLA_F_NESTED);
            attribute(&mut buffer, 1, &padded(*server));
            attribute(&mut buffer, 2, &server_port.to_be_bytes());
            attribute(&mut buffer, 3, &0_u32.to_ne_bytes());
            attribute(&mut buffer, 4, &1_u32.to_ne_bytes());
            attribute(&mut buffer, 5, &0_u32.to_ne_bytes());
            attribute(&mut buffer, 6, &0_u32.to_ne_bytes());
            attribute(&mut buffer, 11, &2_u16.to_ne_bytes());
            close(&mut buffer, nest);
            close(&mut buffer, last);
            if buffer.len() >= SEND_SIZE {
                flush(&socket, &mut buffer, last)?;
            }
        }
    }
    if !buffer.is_empty() {
        flush(&socket, &mut buffer, last)?;
    }
    Ok(started.elapsed())
}

/// Asks for an acknowledgement of the message at `last`, sends, and waits for it.
fn flush(socket: &Socket, buffer: &mut Vec<u8>, last: usize) -> io::Result<()> {
    buffer[last + 6..last + 8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    socket.send(buffer, 0)?;
    buffer.clear();
    let mut reply = Vec::with_capacity(4096);
    socket.recv(&mut reply, 0)?;
    let kind = u16::from_ne_bytes([reply[4], reply[5]]);
    let code = i32::from_ne_bytes([reply[16], reply[17], reply[18], reply[19]]);
    match (kind, code) {
        (NLMSG_ERROR, 0) => Ok(()),
        (NLMSG_ERROR, code) => Err(io::Error::from_raw_os_error(-code)),
        (kind, _) => Err(io::Error::other(format!("unexpected reply of type {kind}"))),
    }
}

/// The number of the generic netlink family `IPVS` (`CTRL_CMD_GETFAMILY`).
fn family(socket: &Socket) -> io::Result<u16> {
    let mut buffer = Vec::new();
    let message = start(&mut buffer, GENL_ID_CTRL, 3);
    attribute(&mut buffer, 2, b"IPVS\0");
    close(&mut buffer, message);
    socket.send(&buffer, 0)?;
    let mut reply = Vec::with_capacity(16 * 1024);
    socket.recv(&mut reply, 0)?;
    if u16::from_ne_bytes([reply[4], reply[5]]) == NLMSG_ERROR {
        return Err(io::Error::other("the kernel has no IPVS"));
    }
    let mut rest = &reply[20..];
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        if u16::from_ne_bytes([rest[2], rest[3]]) == 1 {
            return Ok(u16::from_ne_bytes([rest[4], rest[5]]));
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    Err(io::Error::other("the reply names no family"))
}

/// A netlink header and a generic netlink header; returns where it begins, for [`close`] to fill in the length.
fn start(buffer: &mut Vec<u8>, kind: u16, command: u8) -> usize {
    let at = buffer.len();
    buffer.extend_from_slice(&0_u32.to_ne_bytes());
    buffer.extend_from_slice(&kind.to_ne_bytes());
    buffer.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    buffer.extend_from_slice(&[0; 8]);
    buffer.extend_from_slice(&[command, 1, 0, 0]);
    at
}

fn open(buffer: &mut Vec<u8>, kind: u16) -> usize {
    let at = buffer.len();
    buffer.extend_from_slice(&[0, 0]);
    buffer.extend_from_slice(&kind.to_ne_bytes());
    at
}

/// The length of a message (32 bits) or attribute (16 bits): both stand at its beginning, least significant byte first on
/// every machine that this benchmark runs on.
fn close(buffer: &mut [u8], at: usize) {
    let length = u16::try_from(buffer.len() - at).unwrap();
    buffer[at..at + 2].copy_from_slice(&length.to_ne_bytes());
}

fn key(buffer: &mut Vec<u8>, address: Ipv4Addr, port: u16) {
    attribute(buffer, 1, &2_u16.to_ne_bytes());
    attribute(buffer, 2, &6_u16.to_ne_bytes());
    attribute(buffer, 3, &padded(address));
    attribute(buffer, 4, &port.to_be_bytes());
}

fn padded(address: Ipv4Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&address.octets());
    bytes
}

fn attribute(buffer: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap();
    buffer.extend_from_slice(&length.to_ne_bytes());
    buffer.extend_from_slice(&kind.to_ne_bytes());
    buffer.extend_from_slice(value);
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}
