"""What can be recorded beside loss and iterate of every landscape and rule: a diagnostic a file, named after its kind."""
