/** The libraries in vendor/, which one script before the page's own loads. */
declare const d3: any;
