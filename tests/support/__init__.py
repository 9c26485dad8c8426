"""What tests share: builders of projects, corpora, browsers, fakes."""
