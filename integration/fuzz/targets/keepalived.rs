//! Any bytes as a keepalived.conf.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| ipvsd_fuzz::text("keepalived.conf", text));
