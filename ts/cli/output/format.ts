// The command line's own name for what it shares with the HTML report.
export * from '../../format.js'
