package main

// extraChecks are of services that came later, one file each.
var extraChecks = []check{}
