//! What others ask of the loop.

use std::sync::Arc;
use std::time::Instant;

use super::{Loop, pending, planned, raise_file_limit};
use crate::api::{PlanReply, ServerReply, ServerRequest};
use crate::balance::{Gravity, Input, KernelState};
use crate::model::Config;
use crate::shell::balancer::kernel::Rows;
use crate::shell::balancer::showing::Showing;
use crate::shell::balancer::{Request, asking, view};

impl Loop {
    pub(super) fn request(&mut self, request: Request) {
        let now = Instant::now();
        // A receiver that is gone did not want to wait any longer.
        match request {
            Request::Configure(config, reply) => {
                if self.configuring.is_empty() {
                    self.outlook = self.balancer.outlook();
                }
                self.configuring.push(reply);
                self.prober.reload();
                // Somebody may have given us more (prlimit), or taken some away.
                self.balancer.allow_probes(usize::try_from(raise_file_limit()).unwrap_or(1));
                self.keep_namespace(&config, now);
                for problem in self.errands.configure(&config) {
                    self.journal.line(Gravity::Error, problem, now);
                }
                self.services.keep(&config.watched_services);
                self.notices.configure(&config);
                match self.addresses.configure(&config, self.poll.registry()) {
                    Ok(told) => told.into_iter().for_each(|input| self.balancer.handle(input, now)),
                    Err(problem) => self.journal.line(Gravity::Warning, problem, now),
                }
                let (config, problems) = self.marks.configure(config, self.balancer.ledger(), self.poll.registry());
                for problem in problems {
                    self.journal.line(Gravity::Warning, problem, now);
                }
                self.balancer.handle(Input::Configure(config), now);
                self.perform();
            }
            Request::Plan(config, reply) => {
                let _ = reply.send(self.plan(&config));
            }
            Request::Snapshot(reply) => {
                self.showings.push_back(Showing::new(reply, &self.balancer, &mut self.kernel, now));
            }
            Request::Brief(reply) => {
                let _ = reply.send(view::brief(&self.balancer, &self.state, self.kernel.info));
            }
            Request::Ask(request, reply) => {
                let answer = self.ask(&request, now);
                self.perform();
                let _ = reply.send(answer);
            }
            Request::Ping(reply) => {
                let _ = reply.send(());
            }
            Request::Stop(reply) => {
                self.stopping.push(reply);
                self.balancer.handle(Input::Stop, now);
                self.perform();
            }
        }
    }

    /// What the operator wishes of a server.
    fn ask(&mut self, request: &ServerRequest, now: Instant) -> Result<ServerReply, String> {
        let verb = asking::verb(&request.verb)?;
        let asked = self.balancer.ask_for(&request.server, request.service.as_deref(), verb, now)?;
        Ok(asking::reply(&asked, verb, self.kernel.clients_return()))
    }

    fn keep_namespace(&mut self, config: &Config, now: Instant) {
        let wanted = &config.global.ipvs_namespace;
        if *wanted != self.namespace {
            let name = |namespace: &Option<String>| match namespace {
                None => "the daemon's own network namespace".to_owned(),
                Some(name) => format!("the network namespace {name}"),
            };
            let line = format!(
                "the table of {} is still the one that is programmed: that of {} is from the next start on, not from a reload",
                name(&self.namespace),
                name(wanted)
            );
            self.journal.line(Gravity::Warning, line, now);
        }
    }

    fn plan(&mut self, config: &Arc<Config>) -> Result<PlanReply, String> {
        let needed = !config.services.is_empty() || config.global.sync_daemon.is_some();
        let rows = if !needed && self.balancer.kernel_state() == KernelState::Unneeded {
            Rows::default()
        } else {
            self.kernel.rows().map_err(|unread| unread.reason)?
        };
        let config = self.marks.preview(config, self.balancer.ledger());
        let foresight = self.balancer.foresee(&config, &rows.table());
        let steps = planned(&foresight.plan, &rows.connections());
        Ok(PlanReply { steps, pending: pending(foresight.pending), ..PlanReply::default() })
    }
}
