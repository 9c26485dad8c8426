"""From an audit to its artefacts: notebooks run, sealed, published whole or not at all."""
