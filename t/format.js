export function format(){}
export function text(){}