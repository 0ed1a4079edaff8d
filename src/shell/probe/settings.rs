//! What probes share and is dear to make: settings of TLS, expressions.

use std::collections::HashMap;
use std::sync::Arc;

use super::tls;
use crate::check::Obstacle;
use crate::model::Expression;
use crate::pattern::Pattern;

/// Made when it is first needed, and again after a reload.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) tls: tls::Settings,
    patterns: HashMap<Expression, Arc<Pattern>>,
}

impl Settings {
    /// An expression, ready to be held against pages.
    pub(super) fn pattern(&mut self, expression: &Expression) -> Result<Arc<Pattern>, Obstacle> {
        if let Some(ready) = self.patterns.get(expression) {
            return Ok(Arc::clone(ready));
        }
        let pattern = Arc::new(Pattern::new(expression).map_err(|_| Obstacle::Expression)?);
        self.patterns.insert(expression.clone(), Arc::clone(&pattern));
        Ok(pattern)
    }
}
