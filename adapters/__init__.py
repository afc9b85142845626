"""What is true of one camera or one source; never touches a Butler."""
