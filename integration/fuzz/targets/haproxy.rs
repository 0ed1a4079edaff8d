//! Any bytes as an haproxy.cfg that is converted.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| ipvsd_fuzz::haproxy(text));
