"""What tests share: twins written from definitions, engines and readers, goldens, hostile files."""
