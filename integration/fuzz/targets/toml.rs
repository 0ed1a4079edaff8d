//! Any bytes as a TOML configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| ipvsd_fuzz::text("ipvsd.toml", text));
