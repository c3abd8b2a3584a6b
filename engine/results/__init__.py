"""What a store holds, for everybody who reads one."""
