"""Secret values: held, compared, found in any form, and kept from every output."""
