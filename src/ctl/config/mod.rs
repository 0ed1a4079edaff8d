//! `ipvsctl config`: about the language itself.

mod init;

use clap::{Args, Subcommand};

use super::{Failure, Status, print};
use crate::config;

/// Print what there is to know of ipvsd's own language: every key, its schema, a first file
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every key with its default and what it is for, as a file that loads
    Reference,
    /// Print a JSON Schema (draft 2020-12), with which editors complete and check a file
    Schema,
    Init(init::Init),
}

impl Config {
    pub(super) fn run(self) -> Result<Status, Failure> {
        match self.what {
            What::Reference => print(config::reference())?,
            What::Schema => print(&format!("{:#}\n", config::schema()))?,
            What::Init(init) => print(&init.text()?)?,
        }
        Ok(Status::Ok)
    }
}
