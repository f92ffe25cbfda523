//! outrigger-mesh
