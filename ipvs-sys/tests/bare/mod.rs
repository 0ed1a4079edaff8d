//! The floor: the same requests over a socket with nothing else, in sends of 60 kB, acknowledged once per send.

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn nest(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    attribute(out, kind | 0x8000, &[]);
    fill(out);
    let length = u16::try_from(out.len() - start).unwrap().to_ne_bytes();
    out[start..start + 2].copy_from_slice(&length);
}

fn message(out: &mut Vec<u8>, family: u16, command: u8, fill: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 16]);
    out[start + 4..start + 6].copy_from_slice(&family.to_ne_bytes());
    out[start + 6] = 1;
    out.extend_from_slice(&[command, 1, 0, 0]);
    fill(out);
    let length = u32::try_from(out.len() - start).unwrap().to_ne_bytes();
    out[start..start + 4].copy_from_slice(&length);
    start
}

fn address(bytes: [u8; 4]) -> [u8; 16] {
    let mut all = [0; 16];
    all[..4].copy_from_slice(&bytes);
    all
}

fn key(out: &mut Vec<u8>, at: [u8; 4]) {
    attribute(out, 1, &2_u16.to_ne_bytes());
    attribute(out, 2, &6_u16.to_ne_bytes());
    attribute(out, 3, &address(at));
    attribute(out, 4, &80_u16.to_be_bytes());
}

pub(crate) struct Loop {
    socket: Socket,
    family: u16,
}

impl Loop {
    pub(crate) fn open() -> Self {
        let mut socket = Socket::new(NETLINK_GENERIC).unwrap();
        socket.bind_auto().unwrap();
        let mut ask = Vec::new();
        message(&mut ask, 16, 3, |out| attribute(out, 2, b"IPVS\0"));
        socket.send_to(&ask, &SocketAddr::new(0, 0), 0).unwrap();
        let mut answer = vec![0; 8192];
        let length = socket.recv(&mut &mut answer[..], 0).unwrap();
        let mut rest = &answer[20..length];
        loop {
            let word = |at: usize| u16::from_ne_bytes([rest[at], rest[at + 1]]);
            if word(2) == 1 {
                let family = word(4);
                return Self { socket, family };
            }
            rest = &rest[usize::from(word(0)).next_multiple_of(4)..];
        }
    }

    fn flush(&self, out: &mut Vec<u8>, last: usize) {
        out[last + 6] |= 4;
        self.socket.send_to(out, &SocketAddr::new(0, 0), 0).unwrap();
        let mut answer = [0; 512];
        self.socket.recv(&mut &mut answer[..], 0).unwrap();
        let code = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
        assert_eq!(code, 0);
        out.clear();
    }

    pub(crate) fn program(&self, count: u16) {
        let mut out = Vec::with_capacity(65_536);
        let mut last = 0;
        for n in 0..count {
            let [high, low] = n.to_be_bytes();
            let service = [10, 1, high, low];
            last = message(&mut out, self.family, 1, |out| {
                nest(out, 1, |out| {
                    key(out, service);
                    attribute(out, 6, b"wlc\0");
                    attribute(out, 7, &[0, 0, 0, 0, 255, 255, 255, 255]);
                    attribute(out, 8, &[0; 4]);
                    attribute(out, 9, &[255; 4]);
                });
            });
            for server in 0..10 {
                if out.len() > 60_000 {
                    self.flush(&mut out, last);
                }
                last = message(&mut out, self.family, 5, |out| {
                    nest(out, 1, |out| key(out, service));
                    nest(out, 2, |out| {
                        attribute(out, 1, &address([10, 2 + server, high, low]));
                        attribute(out, 2, &80_u16.to_be_bytes());
                        attribute(out, 11, &2_u16.to_ne_bytes());
                        attribute(out, 3, &[0; 4]);
                        attribute(out, 4, &1_u32.to_ne_bytes());
                        attribute(out, 5, &[0; 4]);
                        attribute(out, 6, &[0; 4]);
                    });
                });
            }
        }
        self.flush(&mut out, last);
    }
}
