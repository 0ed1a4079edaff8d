//! Routers on a network that loses, delays, repeats and divides, under a clock that only the simulation moves.
//!
//! A [`history`] is a random set of hosts and a random list of deeds: links that go down, scripts that fail, processes that
//! are killed, stopped, started and held up, cables that are moved, addresses that are taken off by hand. A [`world`]
//! carries it out with whole [`Router`](super::Router)s, packet by packet. The [`law`]s are looked at on the way, and
//! once more after a time without deeds. A history that breaks one is made as short as it goes before it is told.
//!
//! What is random comes from one number, so the same number is the same history.

mod dice;
mod history;
mod host;
mod law;
mod world;

#[cfg(test)]
mod tests;
