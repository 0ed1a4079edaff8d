//! ipvsd.
